"""What each form of an exported model costs and keeps."""
