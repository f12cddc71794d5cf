"""Mean-field theory, as functions of numbers: nothing here simulates."""
