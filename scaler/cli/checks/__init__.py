"""The checks of `scaler doctor`, by subject.

findings    a finding: level, sentence, remedy;  catalogue  every possible finding, also the page docs/doctor.md
settings    allowed app settings with harmful effects
azure       the scale sets: shape, roles, cores
redis       the server, and the controllers' signs of life in Redis
"""
