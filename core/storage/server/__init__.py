"""The MongoDB server: connections, the embedded server and its supervisor, and leases by its clock."""
