"""The verbs: a pure controller per module, from a fleet to a plan. No controller knows another.

provisioner  keeps the scale set at its size and stops new machines; Azure only, no registry rows at all
reconciler   marks, ADMITs, CONDEMNs, PRESUMEs, FORGETs, and repairs records and index
starter      starts reserved machines, OPENs running ones; MOVEs or REFUSEs sessions
cleaner      EXPIREs sessions, deletes used machines, RETIREs gone ones
by_hand      the operator's acts, without a timer: adopts a running installation before the four may act, distrusts a
             restored snapshot, forgets a scale set that is gone
"""
