"""The drawn world: what a base is pretrained on before it meets cats and dogs."""
