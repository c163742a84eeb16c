//! The fields of a unit. Patient fields leave the pipeline only as keyed hashes.

schema! { "cms8000":
    TYPE = "type" Number Device
        "Type of the unit: 62 patient, 67 unknown, 69 bed, 70 telemetry, 71 end of cycle, 73 notice.";
    SUB_TYPE = "sub_type" Number Device
        "Group of a telemetry unit: 20 ECG and respiration, 21 pleth, 22 NIBP, 23 temperature.";
    LENGTH = "length" Number Device
        "L: bytes of the unit after the length field.";
    UNKNOWN = "unknown" Number Device
        "Units of unknown type or sub-type that this side has sent so far on this flow.";
    RAW = "raw" Bytes Patient
        "First bytes of a unit of unknown type; they may name a patient.";
    BED = "bed" Number Device
        "Bed number: the place of the device.";
    DEPARTMENT = "department" Text Patient
        "Department of the patient.";
    PATIENT_NAME = "patient_name" Text Patient
        "Name of the patient.";
    PATIENT_NUMBER = "patient_number" Text Patient
        "Number of the patient.";
    ADMITTED = "admitted" Text Patient
        "Date of admission as year-month-day.";
    BORN = "born" Text Patient
        "Date of birth as year-month-day.";
    HEIGHT = "height" Quantity("mm") Patient
        "Height of the patient.";
    WEIGHT = "weight" Quantity("hg") Patient
        "Weight of the patient, in units of 0.1 kg.";
    BLOOD_TYPE = "blood_type" Number Patient
        "Code of the blood type; the codes are not known.";
    DOCTOR = "doctor" Text Patient
        "Name of the doctor.";
    NOTICE_CODE = "notice_code" Number Device
        "Code of a notice.";
    NOTICE_TEXT = "notice_text" Text Device
        "Text of a notice, such as a sensor that fell off.";
    HEART_RATE = "heart_rate" Quantity("/min") Device
        "Heart rate as shown.";
    HEART_RATE_FLAG = "heart_rate_flag" Number Device
        "0 valid, 255 invalid, else unknown.";
    RESPIRATION_RATE = "respiration_rate" Quantity("/min") Device
        "Respiration rate as shown.";
    RESPIRATION_RATE_FLAG = "respiration_rate_flag" Number Device
        "0 valid, 255 invalid, else unknown.";
    ST = "st" Text Device
        "Probably the ST level of the next lead in mV, as a decimal; the meaning is not certain.";
    SPO2 = "spo2" Quantity("%") Device
        "Oxygen saturation as shown.";
    SPO2_FLAG = "spo2_flag" Number Device
        "0 sensor attached, 255 not, else unknown.";
    PULSE_RATE = "pulse_rate" Quantity("/min") Device
        "Pulse rate as shown.";
    PULSE_RATE_FLAG = "pulse_rate_flag" Number Device
        "0 valid, 255 invalid, else unknown.";
    NIBP_TIME = "nibp_time" Text Device
        "When the cuff last measured, by the monitor's own clock; empty before the first time.";
    NIBP_SYSTOLIC = "nibp_systolic" Quantity("mm[Hg]") Device
        "Systolic pressure of that measurement.";
    NIBP_DIASTOLIC = "nibp_diastolic" Quantity("mm[Hg]") Device
        "Diastolic pressure of that measurement.";
    NIBP_MEAN = "nibp_mean" Quantity("mm[Hg]") Device
        "Mean pressure of that measurement.";
    TEMPERATURE_1 = "temperature_1" Text Device
        "First probe in degrees Celsius, as a decimal.";
    TEMPERATURE_2 = "temperature_2" Text Device
        "Second probe in degrees Celsius, as a decimal.";
    TEMPERATURE_DIFFERENCE = "temperature_difference" Text Device
        "Difference of the probes in degrees Celsius, as a decimal.";
    ALARM_OF = "alarm_of" Text Device
        "Parameter that the alarm fields after it are about.";
    ALARM_LOW = "alarm_low" Text Device
        "Lower alarm limit of that parameter, as a decimal in its own unit.";
    ALARM_HIGH = "alarm_high" Text Device
        "Upper alarm limit of that parameter, as a decimal in its own unit.";
    ALARM_SET = "alarm_set" Number Device
        "Switch of that alarm: 0 off, 1 on, else unknown.";
}
