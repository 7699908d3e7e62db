"""All that is known of H.264 (ITU-T H.264). No module here keeps a frame, and none decodes.

nal               NAL units of an Annex B stream: types, start codes, splitting
bits, sps         bit fields and Exp-Golomb codes; what a sequence parameter set says of the picture
parameter_sets    the SPS and PPS in force, and how SDP writes them
access_unit       what of an access unit is sent to viewers: called by the server for each frame
unit_reader       a device's buffers as whole access units: called by sources
picture_order     whether a raw stream can be played without time stamps: called by the file source
"""
