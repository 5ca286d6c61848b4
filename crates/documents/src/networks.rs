//! Networks that are not public and may be asked all the same, as documents write them: `10.0.0.0/8`.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::table::Table;

/// Most networks in a list. Default 32: an enterprise's ranges, not its hosts.
const NETWORKS_MAX: usize = 32;

/// Notes what is wrong with the networks of a list.
pub(crate) fn check(table: &Table<'_>, field: &str, networks: &[String]) {
    if networks.len() > NETWORKS_MAX {
        table.mistake(field, format!("more than {NETWORKS_MAX} networks; name the ranges that hold them"));
    }
    for (index, text) in networks.iter().enumerate().take(NETWORKS_MAX) {
        if let Err(why) = network(text) {
            table.mistake(&format!("{field}.{index}"), why);
        }
    }
}

fn network(text: &str) -> Result<(), String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Err(format!("a network is expected here; for the one address write `{}`", IpNet::from(address)));
    }
    let network: IpNet =
        text.parse().map_err(|_| format!("`{text}` is not a network; for example `10.0.0.0/8` or `fd00::/8`"))?;
    if network != network.trunc() {
        return Err(format!("`{text}` is an address within a network; the network is `{}`", network.trunc()));
    }
    if network.prefix_len() == 0 {
        return Err(format!("`{text}` is every address there is; name the networks that are meant"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_written_one_way() {
        let rows = [
            ("10.0.0.0/8", Ok(())),
            ("127.0.0.1/32", Ok(())),
            ("fd00::/8", Ok(())),
            ("10.1.2.3", Err("a network is expected here; for the one address write `10.1.2.3/32`")),
            ("::1", Err("a network is expected here; for the one address write `::1/128`")),
            ("10.1.2.3/8", Err("`10.1.2.3/8` is an address within a network; the network is `10.0.0.0/8`")),
            ("0.0.0.0/0", Err("`0.0.0.0/0` is every address there is; name the networks that are meant")),
            ("::/0", Err("`::/0` is every address there is; name the networks that are meant")),
            ("10.0.0.0/33", Err("`10.0.0.0/33` is not a network; for example `10.0.0.0/8` or `fd00::/8`")),
            ("intranet", Err("`intranet` is not a network; for example `10.0.0.0/8` or `fd00::/8`")),
            ("", Err("`` is not a network; for example `10.0.0.0/8` or `fd00::/8`")),
        ];
        for (text, expected) in rows {
            assert_eq!(network(text), expected.map_err(str::to_owned), "{text}");
        }
    }
}
