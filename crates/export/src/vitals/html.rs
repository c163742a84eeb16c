//! page
use crate::Tool;
use model::Report;
use std::io;
/// x
pub fn write(_report: &Report, _tool: Tool<'_>, _to: impl io::Write) -> io::Result<()> {
    Ok(())
}
