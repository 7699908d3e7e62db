"""Who may log in: users and roles, their file, and how failed logins are slowed down."""
