"""The verbs: one pure controller per module, from a fleet to a plan. They do not know each other.

provisioner  keeps the scale set at its size and stops what is new; Azure only, no registry rows at all
reconciler   marks, ADMITs, CONDEMNs, PRESUMEs, FORGETs, and repairs records and index
starter      starts what is reserved, OPENs what runs, REFUSEs what cannot be had
cleaner      EXPIREs, deletes what is used, RETIREs what is gone
adoption     hands a running installation over, before the four may act; no timer runs it
"""
