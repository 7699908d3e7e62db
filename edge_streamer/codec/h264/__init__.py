"""All knowledge of H.264 (ITU-T H.264). No module here keeps a frame, and none decodes.

nal               NAL units of an Annex B stream: types, start codes, splitting
bits, sps         bit fields and Exp-Golomb codes; the picture format that a sequence parameter set states
sps_rewrite       an SPS that states that pictures are never reordered
time_stamp        the SEI message with a picture's UTC
parameter_sets    the SPS and PPS in force, and how SDP writes them
access_unit       the NAL units of an access unit that are sent to viewers: called by the server for each frame
unit_reader       a device's buffers as whole access units: called by sources
picture_order     whether a raw stream can be played without time stamps: called by the file source
"""
