//! The MCP side: four tools, and every note as a resource.
//!
//! Each method begins with `self.notes(parts)`: the verified caller's own database, or nothing for the gateway's probe.

use http::request::Parts;
use partywall_kit::Caller;
use partywall_kit::sqlite::{Databases, Error};
use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::Extension;
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    ErrorData, Implementation, ListResourcesResult, PaginatedRequestParams, ReadResourceRequestParams,
    ReadResourceResponse, ReadResourceResult, Resource, ResourceContents, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{Json, RoleServer, ServerHandler, tool, tool_handler, tool_router};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store::{Page, Store, Summary};

/// Bytes of one note. More is a document; 64 KiB is a long chapter, and fits any context window.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Notes in one answer: some 10 KB of summaries, which a model can still read.
const LISTED_MAX: u32 = 100;

const MIME_TYPE: &str = "text/plain";

/// What a model is told of a note that is not there, and of one that is another tenant's.
const NO_SUCH_NOTE: &str = "no such note; `list` shows the notes there are";

/// The server, made anew for every session or request: nothing of a caller can stay in it.
#[derive(Clone)]
pub(crate) struct Notes {
    databases: Databases,
    tool_router: ToolRouter<Self>,
}

#[derive(Deserialize, JsonSchema)]
struct Add {
    /// The note, at most 65,536 bytes.
    text: String,
}

#[derive(Deserialize, JsonSchema)]
struct Search {
    /// Text that the note contains, upper and lower case alike.
    query: String,
}

#[derive(Deserialize, JsonSchema)]
struct Delete {
    /// The note's id, as `list` gives it.
    id: String,
}

#[derive(Serialize, JsonSchema)]
struct Added {
    id: String,
    uri: String,
}

#[derive(Serialize, JsonSchema)]
struct Listed {
    /// The newest first, at most 100.
    notes: Vec<Summary>,
    /// How many there are in all.
    total: u64,
}

#[derive(Serialize, JsonSchema)]
struct Deleted {
    id: String,
}

#[tool_router]
impl Notes {
    pub(crate) fn new(databases: Databases) -> Self {
        Self { databases, tool_router: Self::tool_router() }
    }

    /// Keep a note. Everybody in your organization can read it.
    #[tool(annotations(read_only_hint = false, destructive_hint = false))]
    async fn add(&self, Extension(parts): Extension<Parts>, note: Parameters<Add>) -> Result<Json<Added>, String> {
        let Parameters(Add { text }) = note;
        if text.is_empty() || text.len() > TEXT_BYTES_MAX {
            return Err(format!("a note has 1 to {TEXT_BYTES_MAX} bytes, this one has {}; split it", text.len()));
        }
        let store = self.notes(&parts).map_err(told)?.ok_or("the gateway's probe keeps no notes")?;
        let author = caller(&parts).map_err(told)?.subject().to_owned();
        let id = store.add(text, author).await.map_err(told)?;
        Ok(Json(Added { uri: uri(&id), id }))
    }

    /// List the newest notes: id, first line, author.
    #[tool(annotations(read_only_hint = true))]
    async fn list(&self, Extension(parts): Extension<Parts>) -> Result<Json<Listed>, String> {
        self.find(&parts, String::new()).await
    }

    /// Find the notes that contain a text.
    #[tool(annotations(read_only_hint = true))]
    async fn search(&self, Extension(parts): Extension<Parts>, by: Parameters<Search>) -> Result<Json<Listed>, String> {
        self.find(&parts, by.0.query).await
    }

    /// Delete a note, for everybody.
    #[tool(annotations(read_only_hint = false, destructive_hint = true, idempotent_hint = true))]
    async fn delete(
        &self,
        Extension(parts): Extension<Parts>,
        one: Parameters<Delete>,
    ) -> Result<Json<Deleted>, String> {
        let Parameters(Delete { id }) = one;
        let deleted = match self.notes(&parts).map_err(told)? {
            Some(store) => store.delete(id.clone()).await.map_err(told)?,
            None => false,
        };
        if deleted { Ok(Json(Deleted { id })) } else { Err(NO_SUCH_NOTE.to_owned()) }
    }

    async fn find(&self, parts: &Parts, query: String) -> Result<Json<Listed>, String> {
        let Some(store) = self.notes(parts).map_err(told)? else {
            return Ok(Json(Listed { notes: Vec::new(), total: 0 }));
        };
        let (notes, total) = store.find(query, LISTED_MAX).await.map_err(told)?;
        Ok(Json(Listed { notes, total }))
    }

    /// The caller's own notes. Nothing for the gateway's probe, which has no file and gets none.
    fn notes(&self, parts: &Parts) -> Result<Option<Store>, Error> {
        match self.databases.of(caller(parts)?) {
            Ok(db) => Ok(Some(Store(db))),
            Err(Error::Nobody) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Notes {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_resources().build())
            .with_server_info(Implementation::new("notes", env!("CARGO_PKG_VERSION")))
            .with_instructions("Notes that your organization shares. A note is also the resource note://{id}.")
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let Some(store) = self.notes(parts(&context)?).map_err(internal)? else {
            return Ok(ListResourcesResult::default());
        };
        // A cursor is a number in this tenant's file: another tenant's means nothing here, and opens nothing.
        let after = request.and_then(|request| request.cursor).map(|cursor| cursor.parse::<u32>()).transpose();
        let after = after.map_err(|_| ErrorData::invalid_params("no such cursor; list from the start", None))?;
        let Page { notes, next } = store.page(after, LISTED_MAX).await.map_err(internal)?;
        let mut result = ListResourcesResult::with_all_items(notes.into_iter().map(resource).collect());
        result.next_cursor = next.map(|number| number.to_string());
        Ok(result)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let unknown = || ErrorData::resource_not_found("Resource not found", None);
        let id = request.uri.strip_prefix("note://").ok_or_else(unknown)?.to_owned();
        let store = self.notes(parts(&context)?).map_err(internal)?.ok_or_else(unknown)?;
        let text = store.read(id).await.map_err(internal)?.ok_or_else(unknown)?;
        let contents = ResourceContents::text(text, request.uri).with_mime_type(MIME_TYPE);
        Ok(ReadResourceResult::new(vec![contents]).into())
    }
}

fn uri(id: &str) -> String {
    format!("note://{id}")
}

fn resource(note: Summary) -> Resource {
    Resource::new(uri(&note.id), note.id).with_title(note.first_line).with_mime_type(MIME_TYPE)
}

/// What the guard proved. It cannot be absent behind a guard, and where it is, nobody is calling.
fn caller(parts: &Parts) -> Result<&Caller, Error> {
    parts.extensions.get::<Caller>().ok_or(Error::Nobody)
}

fn parts(context: &RequestContext<RoleServer>) -> Result<&Parts, ErrorData> {
    context.extensions.get::<Parts>().ok_or_else(|| ErrorData::internal_error("not called over HTTP", None))
}

/// A fault of ours: the log gets the cause, the caller one sentence.
fn told(error: Error) -> String {
    match error {
        Error::Busy | Error::Stopping => error.to_string(),
        cause => {
            tracing::error!(%cause, "a tenant's notes cannot be used");
            "the notes cannot be used now; try again later".to_owned()
        }
    }
}

fn internal(error: Error) -> ErrorData {
    ErrorData::internal_error(told(error), None)
}
