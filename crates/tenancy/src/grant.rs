//! What a tenant may do with one server, and where its calls go.

use std::collections::BTreeMap;
use std::sync::Arc;

use partywall_documents::{Globs, Server, ServerPatch, ToolLimit};
use partywall_domain::{Floor, Placement, ServerName};

/// What a tenant may do, by server.
pub(crate) type Grants = BTreeMap<ServerName, Grant>;

/// A tenant's grant of one server. Reached only through a [`crate::TenantContext`] or the operator's view of a tenant.
#[derive(Debug)]
pub struct Grant {
    server: Arc<Server>,
    placement: Placement,
    upstream: Option<Arc<str>>,
    require: Option<Floor>,
    tools: Globs,
    prompts: Globs,
    resources: Globs,
    scopes: Vec<(Globs, Vec<String>)>,
    tool_limits: Vec<ToolLimit>,
}

impl Grant {
    pub(crate) fn new(
        server: Arc<Server>,
        (placement, upstream): (Placement, Option<Arc<str>>),
        require: Option<Floor>,
        patch: ServerPatch,
    ) -> Self {
        Self {
            server,
            placement,
            upstream,
            require,
            tools: patch.tools.unwrap_or_else(Globs::none),
            prompts: patch.prompts.unwrap_or_else(Globs::none),
            resources: patch.resources.unwrap_or_else(Globs::none),
            scopes: patch.scopes.unwrap_or_default(),
            tool_limits: patch.tool_limits.unwrap_or_default(),
        }
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Where this tenant's calls go.
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// The URL behind the placement; none where an instance is started.
    pub fn upstream(&self) -> Option<&Arc<str>> {
        self.upstream.as_ref()
    }

    /// How the tenant's instances must be kept apart, if anybody requires it.
    pub fn require(&self) -> Option<&Floor> {
        self.require.as_ref()
    }

    /// The tools granted.
    pub fn tools(&self) -> &Globs {
        &self.tools
    }

    /// The prompts granted.
    pub fn prompts(&self) -> &Globs {
        &self.prompts
    }

    /// The resources granted.
    pub fn resources(&self) -> &Globs {
        &self.resources
    }

    /// What tools may use beside the tenant's own limits; one that several patterns match is held to all of them.
    pub fn tool_limits(&self) -> &[ToolLimit] {
        &self.tool_limits
    }

    /// All scopes that this tool needs, each once.
    pub fn scopes_for(&self, tool: &str) -> Vec<&str> {
        let matching = self.scopes.iter().filter(|(glob, _)| glob.grants(tool));
        let mut needed: Vec<_> = matching.flat_map(|(_, scopes)| scopes.iter().map(String::as_str)).collect();
        needed.sort_unstable();
        needed.dedup();
        needed
    }
}
