"""The health of the VMs: what a guest answers, what the extension makes of the answers, what Azure shows of both.

guest       the answers of a simulated guest in one run of a VM
extension   the Application Health extension: probes, and their state
responder   or a real one, asked over HTTP
record      the runs of one VM, and the health in an instance view at any moment
"""
