"""Users and their roles, the file of users, and the delays after failed log-ins."""
