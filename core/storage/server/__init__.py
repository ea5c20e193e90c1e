"""The MongoDB server: connections, the embedded one and its supervisor, leases by its clock."""
