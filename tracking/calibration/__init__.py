"""Calibration: from pictures of boards and bodies to what the tracker has to know.

Every kind of calibration is a :class:`~tracking.calibration.collector.Collector`, fed by a
recording or by live cameras alike, and ends in a
:class:`~tracking.calibration.result.CalibrationResult`, which a person accepts or rejects.
"""
