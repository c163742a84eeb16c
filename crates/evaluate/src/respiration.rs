//! Pulses of the pleth against the beats of the ECG, on BIDMC.
