"""H.264 (ITU-T H.264): access units and NAL units, parameter sets, the order of pictures."""
