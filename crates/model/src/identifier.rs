//! What a peer says of itself or of another.

use crate::Text;
use std::fmt;

/// Whom an identifier describes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum About {
    /// The side that sent the bytes.
    Sender,
    /// The side they were sent to.
    Receiver,
}

/// A trait that helps to say what a station is. Closed vocabulary; the words are the field's, not a
/// protocol's.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Identifier {
    /// A host name it gives itself.
    HostName(Text),
    /// Vendor class it requests an address with.
    VendorClass(Text),
    /// Order of the options it requests an address with, comma separated: a fingerprint of the IP stack.
    OptionOrder(Text),
    /// Name of an application in medical messaging or imaging.
    ApplicationName(Text),
    /// Name of the facility, department or station it works for.
    Facility(Text),
    /// Software with version, as a banner or agent string says it.
    Software(Text),
    /// Fingerprint of its encrypted-session offer (JA4).
    SessionFingerprint(Text),
    /// Name it asks an encrypted peer for.
    ServerName(Text),
    /// Maker.
    Maker(Text),
    /// Model.
    Model(Text),
    /// Serial number.
    Serial(Text),
    /// Firmware or software version.
    FirmwareVersion(Text),
    /// Unique device identifier (EUI-64, UDI).
    DeviceId(Text),
    /// Bed number, the device's place.
    Bed(u16),
    /// Speaks as the monitor of a bed.
    BedsideMonitor,
    /// Receives from bedside monitors.
    CentralStation,
    /// Receives, routes or sends medical messages.
    MedicalMessaging,
    /// Stores or provides medical images.
    ImagingNode,
    /// Prints for others.
    PrintServer,
}

impl Identifier {
    /// The kind of trait, as the report and profiles write it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::HostName(_) => "host-name",
            Self::VendorClass(_) => "vendor-class",
            Self::OptionOrder(_) => "option-order",
            Self::ApplicationName(_) => "application-name",
            Self::Facility(_) => "facility",
            Self::Software(_) => "software",
            Self::SessionFingerprint(_) => "session-fingerprint",
            Self::ServerName(_) => "server-name",
            Self::Maker(_) => "maker",
            Self::Model(_) => "model",
            Self::Serial(_) => "serial",
            Self::FirmwareVersion(_) => "firmware-version",
            Self::DeviceId(_) => "device-id",
            Self::Bed(_) => "bed",
            Self::BedsideMonitor => "bedside-monitor",
            Self::CentralStation => "central-station",
            Self::MedicalMessaging => "medical-messaging",
            Self::ImagingNode => "imaging-node",
            Self::PrintServer => "print-server",
        }
    }
}

impl fmt::Display for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HostName(text)
            | Self::VendorClass(text)
            | Self::OptionOrder(text)
            | Self::ApplicationName(text)
            | Self::Facility(text)
            | Self::Software(text)
            | Self::SessionFingerprint(text)
            | Self::ServerName(text)
            | Self::Maker(text)
            | Self::Model(text)
            | Self::Serial(text)
            | Self::FirmwareVersion(text)
            | Self::DeviceId(text) => text.fmt(f),
            Self::Bed(bed) => bed.fmt(f),
            Self::BedsideMonitor
            | Self::CentralStation
            | Self::MedicalMessaging
            | Self::ImagingNode
            | Self::PrintServer => f.write_str("yes"),
        }
    }
}
