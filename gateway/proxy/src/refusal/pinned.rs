//! Refusals of calls to what a server of MCP describes otherwise than somebody approved.

use http::StatusCode;

use super::Interruption;
use crate::mcp::pins::Bar;

impl Interruption {
    /// A tool, prompt or template of resources is not what was approved, or nobody approved it.
    pub fn pinned(bar: Bar) -> Self {
        match bar {
            Bar::Changed => Self::new(StatusCode::FORBIDDEN, "tool_changed")
                .says(
                    "its server describes this otherwise than was approved: an operator sees how \
                     with `tidegate mcp tools`, and approves it or does not",
                )
                .found(),
            Bar::Unapproved => Self::new(StatusCode::FORBIDDEN, "tool_unapproved").says(
                "nobody has approved what its server says of this: an operator does with \
                 `tidegate mcp approve`",
            ),
        }
    }
}
