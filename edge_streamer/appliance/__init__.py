"""What a device that was made from the image does at each boot, before the service starts."""
