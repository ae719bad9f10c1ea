//! Colours, sizes and borders: from the planes of a frame to the tensor of a network, and back.
