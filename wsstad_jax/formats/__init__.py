"""Box files of others: each format read into, and written from, one common table."""
