//! Outside formats of the report: what leaves Lazaret.
//!
//! | module | format | for |
//! |---|---|---|
//! | [`report1`] | `lazaret.report/1`, JSON | programs; specified in `docs/spec/report-1.md` |
//! | [`ndjson`] | one object per line, as things arise | log shippers |
//! | [`text`] | plain or coloured text | a terminal |
//! | [`html`] | one self-contained file | people, paper, the archive |
//! | [`bundle`], [`signature`] | `lazaret.evidence/1`, tar with minisign | third parties who check a finding |
//! | [`playbook()`] | what people do about a finding | the ward, biomedical engineering, security |
//! | [`check`] | a policy held against captures, HTML | whoever decides about it |
//! | [`posture`], [`containment`] | documents for the ward, biomed, security, the regulator; the second also JSON, text | people and paper |
//! | [`paper`] | how such a document is written: HTML, PDF | the two above |
//! | [`form`] | prefilled reports for authorities, HTML or text | whoever files them |
//! | [`notice`] | one finding's message: JSON, syslog, CEF, ECS, e-mail, STIX | other programs of the site |
//! | [`qr`] | a short text as a QR code: SVG, or characters | labels of devices |
//! | [`vitals`] | vital signs in full, in seven formats | people, records, research |
//!
//! Everything is written to a given [`std::io::Write`]; nothing here opens a file or a socket or reads a
//! clock, so the same report gives the same bytes. Text from the wire arrives escaped by `model::Text`;
//! the renderers escape once more what their own medium could run (terminal controls, markup).

pub mod bundle;
pub mod check;
pub mod containment;
pub mod form;
pub mod html;
pub mod metrics;
pub mod ndjson;
pub mod notice;
pub mod paper;
mod picture;
mod playbook;
pub mod posture;
mod printable;
pub mod qr;
pub mod report1;
pub mod signature;
mod summary;
pub mod text;
mod time;
mod timeline;
pub mod vitals;

pub use playbook::{Playbook, Source, playbook, playbook_rules};
pub use report1::Tool;
pub use time::{bytes, rfc3339, to_second};
