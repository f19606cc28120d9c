"""What is kept on disk: files written whole, arrays mapped into memory, tables worked out once."""

__all__: list[str] = []
