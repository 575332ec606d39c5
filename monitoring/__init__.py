"""What Azure Monitor and Grafana need to watch the scaler; never deployed with the scaler.

functions/      stored functions over the log, one a file
alerts.toml     the alert rules, written into alerts.json
workbook.toml   the workbook, written into workbook.json
assemble        writes the two JSON files: each query with the functions that the query calls
"""
