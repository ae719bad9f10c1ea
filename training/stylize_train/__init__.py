"""Makes a style for stylize from one picture.

    painting.jpg ─► features (VGG19) ─► Gram matrices ─┐
    photographs ──► network ──► styled ──► losses ─────┴─► network ─► export ─► models/NAME.TIER.PRECISION.onnx

`network` is what is trained, `features` and `losses` say what for, `data` gives photographs, `train` does it, `export` writes
ONNX files with the contract that the runtime reads, `evaluate` measures any ONNX model, which `runner` runs by its `contract`,
`making` does all of this for one style, `optimise` is the slow reference.
"""
