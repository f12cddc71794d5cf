"""What is measured on activity: autocovariance, c(0), decay time and further statistics."""
