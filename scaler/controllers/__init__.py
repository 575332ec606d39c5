"""The verbs: a pure controller per module, from a fleet to a plan. No controller knows another.

provisioner  keeps the scale set at its size and stops new machines; Azure only, no registry rows at all
reconciler   marks, ADMITs, CONDEMNs, PRESUMEs, FORGETs, and repairs records and index
starter      starts reserved machines, OPENs running ones; MOVEs or REFUSEs sessions
cleaner      EXPIREs sessions, deletes used machines, RETIREs gone ones
adoption     hands a running installation over, before the four may act; without a timer
by_hand      distrusts a restored snapshot, forgets a scale set that is gone: the operator's acts
"""
