"""Never deployed: our Azure. A scale set that behaves, on any clock; its wire; the functions host."""
