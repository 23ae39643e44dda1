"""Read and write files by address: S3, Google Cloud Storage, Azure, SFTP and HTTPS."""
