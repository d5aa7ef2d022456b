"""A producer of MeshKit shares that has no line in common with the module."""
