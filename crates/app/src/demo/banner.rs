//! What the demo prints: everything ready to paste.

use anyhow::Context as _;

use super::{Stage, documents};

pub(super) fn print(stage: &Stage) -> anyhow::Result<()> {
    let (url, admin) = (stage.url(), &stage.admin);
    let (acme, globex) = (stage.token("acme", "ann", "")?, stage.token("globex", "gus", "")?);
    let data = stage.data.path().display();
    println!("Partywall serves two customers behind one URL. Ctrl-C stops it.\n");
    println!("  URL for both     {url}");
    println!("  issuer           {}", stage.issuer.url());
    println!("  admin listener   {admin}   (token in {data}/operator.token)");
    println!("  documents        {data}/{}", stage.tenants.name);
    own_servers(stage)?;
    println!("Tokens (a day long; `partywall token --data {data} --tenant acme --subject ann` makes more):\n");
    println!("export ACME={acme}\nexport GLOBEX={globex}\n");
    println!("A call with curl:\n\n{}\n", curl(stage));
    println!("MCP Inspector, from the command line:\n");
    println!(
        "npx @modelcontextprotocol/inspector --cli {url} --transport http --method tools/list --header \"Authorization: Bearer $ACME\"\n"
    );
    println!("Claude Code:\n");
    println!("claude mcp add --transport http acme-{0} {url} --header \"Authorization: Bearer $ACME\"\n", stage.server);
    println!("VS Code, in .vscode/mcp.json:\n");
    println!("{}\n", vs_code(&url, &acme)?);
    println!("Without a token, a client opens a page on which you pick tenant and name:\n");
    println!("npx @modelcontextprotocol/inspector --transport http --server-url {url}");
    println!("claude mcp add --transport http {} {url}\n", stage.server);
    println!("Then look at whose call it was:\n");
    println!("partywall tenant list --data {data}");
    println!("partywall explain --data {data} REQUEST_ID    (from the `partywall-request-id` header or a log line)");
    Ok(())
}

/// Servers beside the one that both have.
fn own_servers(stage: &Stage) -> anyhow::Result<()> {
    let snapshot = stage.gateway.snapshot.load();
    let tenant = snapshot.tenant("globex").context("the demo has no globex")?;
    for grant in tenant.servers().filter(|grant| grant.server().name.as_str() != stage.server) {
        let (name, placement) = (&grant.server().name, grant.placement().as_str());
        println!("  globex alone     {}/mcp/{name}   (a {placement} of its own)", stage.public);
    }
    println!();
    Ok(())
}

fn curl(stage: &Stage) -> String {
    let (tool, arguments) =
        if stage.server == documents::NOTES { ("add", r#"{"text":"hello"}"#) } else { ("TOOL", "{}") };
    format!(
        "curl -s {url} -H \"Authorization: Bearer $ACME\" -H 'Content-Type: application/json' \\\n  \
         -H 'Accept: application/json, text/event-stream' -H 'MCP-Protocol-Version: 2026-07-28' \\\n  \
         -H 'Mcp-Method: tools/call' -H 'Mcp-Name: {tool}' -d '{{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\
         \"params\":{{\"name\":\"{tool}\",\"arguments\":{arguments},\
         \"_meta\":{{\"io.modelcontextprotocol/protocolVersion\":\"2026-07-28\",\
         \"io.modelcontextprotocol/clientCapabilities\":{{}}}}}}}}'",
        url = stage.url()
    )
}

fn vs_code(url: &str, token: &str) -> anyhow::Result<String> {
    let server =
        serde_json::json!({"type": "http", "url": url, "headers": {"Authorization": format!("Bearer {token}")}});
    Ok(serde_json::to_string_pretty(&serde_json::json!({"servers": {"acme": server}}))?)
}
