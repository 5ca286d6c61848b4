//! The closed list of ways to say no. One table gives each its HTTP status, JSON-RPC code and public sentence.

/// JSON-RPC 2.0: the body is not JSON.
const PARSE_ERROR: i64 = -32_700;
/// JSON-RPC 2.0: the body is not a request.
const INVALID_REQUEST: i64 = -32_600;
/// JSON-RPC 2.0: no such method.
const METHOD_NOT_FOUND: i64 = -32_601;
/// JSON-RPC 2.0: parameters are wrong; MCP also says so of an unknown tool, prompt or resource.
const INVALID_PARAMS: i64 = -32_602;
/// MCP 2026-07-28: a routing header and the body disagree.
const HEADER_MISMATCH: i64 = -32_020;
/// MCP 2026-07-28: the protocol version is not served.
const UNSUPPORTED_VERSION: i64 = -32_022;
/// Partywall's own codes stand outside the ranges that JSON-RPC and MCP reserve: the HTTP status times 100.
const fn own(status: u16) -> i64 {
    status as i64 * 100
}

/// A way to say no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalCode {
    /// No bearer token.
    NoToken,
    /// The token is not valid here.
    InvalidToken,
    /// The token is no JWT.
    OpaqueToken,
    /// Too many requests from one address.
    TooManyRequests,
    /// Too many tokens from one address failed.
    TooManyFailures,
    /// Too many tokens are being verified.
    TooManyVerifications,
    /// More than one token, or one where none may stand (RFC 6750, section 3.1).
    MalformedAuthorization,
    /// The token is valid, and no tenant is behind it.
    UnknownTenant,
    /// The tenant is suspended.
    Suspended,
    /// The request names another tenant than its token does.
    TenantMismatch,
    /// The token lacks a scope that the operation needs.
    InsufficientScope,
    /// `Host` or `Origin` is not one of ours.
    ForeignOrigin,
    /// No such server, or not for this tenant.
    UnknownServer,
    /// No such tool, or not for this tenant.
    UnknownTool,
    /// No such prompt, or not for this tenant.
    UnknownPrompt,
    /// No such resource, or not for this tenant.
    UnknownResource,
    /// No such session, or not this principal's.
    UnknownSession,
    /// No such path.
    NotFound,
    /// The HTTP method is not served at this path.
    MethodNotAllowed,
    /// The client does not accept what MCP answers with.
    NotAcceptable,
    /// The body is not `application/json`.
    UnsupportedMediaType,
    /// The body is over its limit.
    BodyTooLarge,
    /// The body did not arrive in time.
    BodyTimeout,
    /// The body is not JSON.
    ParseError,
    /// The body is JSON and not one JSON-RPC message.
    InvalidRequest,
    /// The request's parameters miss what this protocol version requires.
    InvalidParams,
    /// The JSON-RPC method is not served.
    UnknownMethod,
    /// A routing header and the body disagree.
    HeaderMismatch,
    /// The protocol version is not served.
    UnsupportedVersion,
    /// The server speaks only versions that begin with `initialize`.
    NotInitialized,
    /// Over the rate.
    RateLimited,
    /// Too many calls in flight.
    TooManyInFlight,
    /// Too many sessions open.
    TooManySessions,
    /// Too many streams open.
    TooManyStreams,
    /// Too many bytes of bodies at the same time.
    TooManyBodies,
    /// The upstream has as many calls as it may, and no more may wait.
    Busy,
    /// The tenant's secret for this server cannot be used.
    NoCredential,
    /// The tenant's instance does not start, or keeps dying.
    InstanceDown,
    /// The tenant's instance ended within the call.
    InstanceEnded,
    /// The tenant's instance took more memory than it may have within the call.
    InstanceOutOfMemory,
    /// The upstream could not be reached.
    UpstreamUnreachable,
    /// The upstream did not answer in time.
    UpstreamTimeout,
    /// The upstream answered what may not be passed on.
    UpstreamInvalid,
    /// The gateway is stopping.
    Draining,
    /// A fault of our own.
    Internal,
}

impl RefusalCode {
    /// Every code, in the order of the table in docs/refusals.md.
    pub const ALL: &[Self] = &[
        Self::NoToken,
        Self::InvalidToken,
        Self::OpaqueToken,
        Self::TooManyRequests,
        Self::TooManyFailures,
        Self::TooManyVerifications,
        Self::MalformedAuthorization,
        Self::UnknownTenant,
        Self::Suspended,
        Self::TenantMismatch,
        Self::InsufficientScope,
        Self::ForeignOrigin,
        Self::UnknownServer,
        Self::UnknownTool,
        Self::UnknownPrompt,
        Self::UnknownResource,
        Self::UnknownSession,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::UnsupportedMediaType,
        Self::BodyTooLarge,
        Self::BodyTimeout,
        Self::ParseError,
        Self::InvalidRequest,
        Self::InvalidParams,
        Self::UnknownMethod,
        Self::HeaderMismatch,
        Self::UnsupportedVersion,
        Self::NotInitialized,
        Self::RateLimited,
        Self::TooManyInFlight,
        Self::TooManySessions,
        Self::TooManyStreams,
        Self::TooManyBodies,
        Self::Busy,
        Self::NoCredential,
        Self::InstanceDown,
        Self::InstanceEnded,
        Self::InstanceOutOfMemory,
        Self::UpstreamUnreachable,
        Self::UpstreamTimeout,
        Self::UpstreamInvalid,
        Self::Draining,
        Self::Internal,
    ];

    /// HTTP status, JSON-RPC code, word in logs, public sentence.
    ///
    /// What a caller may not see and what does not exist share a row's words, so that they answer alike.
    const fn row(self) -> (u16, i64, &'static str, &'static str) {
        match self {
            Self::NoToken => (401, own(401), "no_token", "a bearer token is required"),
            Self::InvalidToken => (401, own(401), "invalid_token", "the token is not valid here"),
            Self::OpaqueToken => {
                (401, own(401), "opaque_token", "the token is opaque; a JWT access token is needed here")
            }
            Self::TooManyRequests => {
                (429, own(429), "too_many_requests", "too many requests from this address; try again later")
            }
            Self::TooManyFailures => {
                (429, own(429), "too_many_failures", "too many tokens were refused; try again later")
            }
            Self::TooManyVerifications => {
                (503, own(503), "too_many_verifications", "too many tokens are being checked; try again")
            }
            Self::MalformedAuthorization => {
                (400, INVALID_REQUEST, "malformed_authorization", "send one token, in the Authorization header")
            }
            Self::UnknownTenant => (403, own(403), "unknown_tenant", "this token has no access here"),
            Self::Suspended => (403, own(403), "suspended", "access is suspended; ask your administrator"),
            Self::TenantMismatch => {
                (403, own(403), "tenant_mismatch", "the request names a tenant that is not the token's")
            }
            Self::InsufficientScope => (403, own(403), "insufficient_scope", "the token lacks a required scope"),
            Self::ForeignOrigin => (403, own(403), "foreign_origin", "this Host or Origin is not allowed"),
            Self::UnknownServer => (404, own(404), "unknown_server", "no such server"),
            Self::UnknownTool => (200, INVALID_PARAMS, "unknown_tool", "Unknown tool"),
            Self::UnknownPrompt => (200, INVALID_PARAMS, "unknown_prompt", "Unknown prompt"),
            Self::UnknownResource => (200, INVALID_PARAMS, "unknown_resource", "Resource not found"),
            Self::UnknownSession => (404, own(404), "unknown_session", "no such session; begin with `initialize`"),
            Self::NotFound => (404, own(404), "not_found", "no such path"),
            Self::MethodNotAllowed => (405, own(405), "method_not_allowed", "this HTTP method is not served here"),
            Self::NotAcceptable => {
                (406, own(406), "not_acceptable", "accept `application/json` and `text/event-stream`")
            }
            Self::UnsupportedMediaType => (415, own(415), "unsupported_media_type", "send `application/json`"),
            Self::BodyTooLarge => (413, own(413), "body_too_large", "the body is over this server's limit"),
            Self::BodyTimeout => (408, own(408), "body_timeout", "the body did not arrive in time"),
            Self::ParseError => (400, PARSE_ERROR, "parse_error", "Parse error"),
            Self::InvalidRequest => (400, INVALID_REQUEST, "invalid_request", "Invalid Request"),
            Self::InvalidParams => (400, INVALID_PARAMS, "invalid_params", "Invalid params"),
            Self::UnknownMethod => (404, METHOD_NOT_FOUND, "unknown_method", "Method not found"),
            Self::HeaderMismatch => {
                (400, HEADER_MISMATCH, "header_mismatch", "a routing header is missing or disagrees with the body")
            }
            Self::UnsupportedVersion => {
                (400, UNSUPPORTED_VERSION, "unsupported_version", "this protocol version is not served here")
            }
            Self::NotInitialized => (400, own(400), "not_initialized", "Bad Request: Server not initialized"),
            Self::RateLimited => (429, own(429), "rate_limited", "too many calls; try again later"),
            Self::TooManyInFlight => (429, own(429), "too_many_in_flight", "too many calls at the same time"),
            Self::TooManySessions => (429, own(429), "too_many_sessions", "too many open sessions; end some"),
            Self::TooManyStreams => (429, own(429), "too_many_streams", "too many open streams"),
            Self::TooManyBodies => (429, own(429), "too_many_bodies", "too many long requests at the same time"),
            Self::Busy => (503, own(503), "busy", "the server is busy; try again later"),
            Self::NoCredential => {
                (503, own(503), "no_credential", "the credential for this server is missing; ask your administrator")
            }
            Self::InstanceDown => (503, own(503), "instance_down", "the server does not start; its operator knows why"),
            Self::InstanceEnded => (502, own(502), "instance_ended", "the server ended before it answered"),
            Self::InstanceOutOfMemory => (502, own(502), "instance_out_of_memory", "the server took too much memory"),
            Self::UpstreamUnreachable => (502, own(502), "upstream_unreachable", "the server cannot be reached"),
            Self::UpstreamTimeout => (504, own(504), "upstream_timeout", "the server did not answer in time"),
            Self::UpstreamInvalid => (502, own(502), "upstream_invalid", "the server's answer cannot be passed on"),
            Self::Draining => (503, own(503), "draining", "the gateway is stopping; try again"),
            Self::Internal => (500, own(500), "internal", "something went wrong on our side"),
        }
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.row().0
    }

    /// The JSON-RPC error code.
    pub const fn jsonrpc(self) -> i64 {
        self.row().1
    }

    /// The word in logs, metrics and the journal.
    pub const fn as_str(self) -> &'static str {
        self.row().2
    }

    /// What the caller is told: nothing of ours, nothing of anybody else's.
    pub const fn sentence(self) -> &'static str {
        self.row().3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_unique_and_codes_stay_out_of_reserved_ranges() {
        let mut words: Vec<_> = RefusalCode::ALL.iter().map(|code| code.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), RefusalCode::ALL.len());
        for code in RefusalCode::ALL {
            let known = matches!(code.jsonrpc(), -32_700 | -32_603..=-32_600 | -32_020 | -32_022);
            assert!(known || code.jsonrpc() > 0, "{code:?} invents a reserved code");
        }
    }
}
