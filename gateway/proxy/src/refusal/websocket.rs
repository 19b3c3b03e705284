//! Why a WebSocket is not opened, or breaks off.

use http::StatusCode;

use super::Interruption;

impl Interruption {
    /// The request asks for a WebSocket, and its operation is none.
    pub fn websocket_undeclared() -> Self {
        Self::new(StatusCode::FORBIDDEN, "websocket_undeclared").says(
            "the request asks for a WebSocket, and the configuration does not say that its operation is one: \
             an operator can, with `websocket: {}`",
        )
    }

    /// The operation is a WebSocket, and the request asks for none.
    pub fn websocket_required() -> Self {
        Self::new(StatusCode::UPGRADE_REQUIRED, "websocket_required").says(
            "the operation is a WebSocket: open it with a handshake of HTTP/1.1 (RFC 6455 section 4.1)",
        )
    }

    /// The handshake is not one of RFC 6455.
    pub fn handshake_invalid() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "handshake_invalid").says(
            "a handshake has one `sec-websocket-key` of 16 bytes in base64, `sec-websocket-version: 13`, and no \
             body (RFC 6455 section 4.1)",
        )
    }

    /// What came is no frame of RFC 6455 without extensions.
    pub fn frame_invalid() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "frame_invalid").says(
            "what was sent is no frame of a WebSocket without extensions (RFC 6455 section 5)",
        )
    }

    /// It was open for as long as what was decided of it holds.
    pub fn websocket_expired() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "websocket_expired")
            .says("the WebSocket was open for an hour: open another, which is decided anew")
            .passes()
    }

    /// Neither side said anything for too long.
    pub fn websocket_timeout() -> Self {
        Self::new(StatusCode::GATEWAY_TIMEOUT, "websocket_timeout")
            .says("neither side of the WebSocket said anything for too long")
            .passes()
    }
}
