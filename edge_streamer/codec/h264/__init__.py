"""All knowledge of H.264 (ITU-T H.264). No module here keeps a frame, and none decodes.

nal               NAL units of an Annex B stream: types, start codes, splitting
bits, sps         bit fields and Exp-Golomb codes; the picture format that a sequence parameter set states
sps_rewrite       an SPS that states that pictures are never reordered
time_stamp        the SEI message with a picture's UTC
parameter_sets    the SPS and PPS of a stream by id: which are in force, and how SDP writes them
access_unit       the NAL units of an access unit that are sent to viewers: called by the server for each frame
start_points      whether decoding can start at an access unit: an IDR, or a recovery point
unit_reader       a device's buffers as whole access units: called by sources
length_prefixed   H.264 as MP4 and Matroska store it: called by the file source
picture_order     slice headers: whether a raw stream can be played without time stamps, and which fields are one frame:
                  called by the file source
"""
