"""The deployable zip: the app, its dependencies and their bytecode. The same commit gives the same bytes.

app        which files of this repository are deployed
lock       the dependencies, each by version and hash
wheels     fetched for Azure's Linux, whatever machine this is, and unpacked
bytecode   compiled once here, so that a read-only mount compiles nothing
release    what a release holds beside it: command line and client, scripts, deployment, checksums
archive    one zip, without a trace of when and where it was made
"""
