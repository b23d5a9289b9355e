"""What every lesson uses: set-up, predictions, exercises, progress."""
