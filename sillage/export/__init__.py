"""Tables as files: CSV and workbooks of any length, written in constant memory, registered, and gone when due."""
