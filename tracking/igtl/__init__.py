"""OpenIGTLink, the network protocol by which trackers and navigation programs exchange poses.

In: poses of PLUS, of 3D Slicer, of trackers that these serve. Out: our poses, for such programs.

``contents`` and ``messages`` turn bytes into messages and back, ``stream`` cuts a stream of bytes
into messages, ``client`` takes poses in, ``server`` gives ours out. The codec is our own because
pyigtl, the Python package for the protocol, knows neither STATUS (a tracker's word that something
is wrong) nor TDATA (tracking data), checks no CRC and puts no bound on lengths; the tests exchange
messages with it in both directions.
"""
