"""The head that is there when no other is: Colin27, its surfaces, landmarks and targets.

``python -m resources.default_head CH2.nii.gz CH2BET.nii.gz`` makes what lies in this folder.
"""
