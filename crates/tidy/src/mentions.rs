//! Every path that a text of Rust mentions, in `use` lines, in code and inside macros alike.
//!
//! It reads tokens, so that a path within `assert!(…)` counts too. It knows nothing of types or of what a name means.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// A path as it was written, grouped imports taken apart: `a::{b, c::*}` is `a::b` and `a::c::*`.
pub(crate) struct Mention {
    /// Its segments. The last may be `*` for a glob, or `!` where the path names a macro that is called.
    pub(crate) path: Vec<String>,
    /// What it is called from there on: its alias, or its last segment.
    pub(crate) name: String,
    /// The inline modules around it, from the file's root down.
    pub(crate) inside: Vec<String>,
    /// Where it begins.
    pub(crate) line: usize,
}

/// Reads a text of Rust.
pub(crate) fn mentions(text: &str) -> Vec<Mention> {
    let tokens: TokenStream = text.parse().expect("the text was parsed before");
    let mut reader = Reader { found: Vec::new(), inside: Vec::new() };
    reader.read(tokens);
    reader.found
}

struct Reader {
    found: Vec<Mention>,
    inside: Vec<String>,
}

impl Reader {
    fn read(&mut self, tokens: TokenStream) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let mut rest = trees.as_slice();
        while let Some(first) = rest.first() {
            rest = match (first, rest) {
                (_, [TokenTree::Ident(word), TokenTree::Ident(name), TokenTree::Group(body), rest @ ..])
                    if word == "mod" =>
                {
                    self.inside.push(name.to_string());
                    self.read(body.stream());
                    self.inside.pop();
                    rest
                }
                (TokenTree::Ident(_), _) => self.path(&[], rest),
                (TokenTree::Group(group), [_, rest @ ..]) => {
                    self.read(group.stream());
                    rest
                }
                _ => &rest[1..],
            };
        }
    }

    /// Reads one path and gives back what follows it.
    fn path<'a>(&mut self, prefix: &[String], mut rest: &'a [TokenTree]) -> &'a [TokenTree] {
        let mut path = prefix.to_vec();
        let line = rest.first().map_or(0, |first| first.span().start().line);
        while let [tree, after @ ..] = rest {
            match tree {
                TokenTree::Ident(segment) => path.push(segment.to_string()),
                TokenTree::Punct(star) if star.as_char() == '*' => path.push("*".to_owned()),
                TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                    self.group(&path, group.stream());
                    return after;
                }
                _ => break,
            }
            rest = after;
            match after_colons(rest) {
                Some(after) => rest = after,
                None => break,
            }
        }
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let name = match rest {
            [TokenTree::Ident(word), TokenTree::Ident(alias), ..] if word == "as" => alias.to_string(),
            _ => path.last().cloned().unwrap_or_default(),
        };
        if let [TokenTree::Punct(bang), TokenTree::Group(_), ..] = rest
            && bang.as_char() == '!'
        {
            path.push("!".to_owned());
        }
        self.found.push(Mention { path, name, inside: self.inside.clone(), line });
        rest
    }

    fn group(&mut self, prefix: &[String], tokens: TokenStream) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let comma = |tree: &TokenTree| matches!(tree, TokenTree::Punct(comma) if comma.as_char() == ',');
        for part in trees.split(comma).filter(|part| !part.is_empty()) {
            self.path(prefix, part);
        }
    }
}

fn after_colons(trees: &[TokenTree]) -> Option<&[TokenTree]> {
    match trees {
        [TokenTree::Punct(one), TokenTree::Punct(two), rest @ ..]
            if one.as_char() == ':' && one.spacing() == Spacing::Joint && two.as_char() == ':' =>
        {
            Some(rest)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths of more than one segment, each with the inline modules around it.
    fn seen(text: &str) -> Vec<String> {
        let long = mentions(text).into_iter().filter(|mention| mention.path.len() > 1);
        long.map(|mention| format!("{} {}", mention.inside.join("::"), mention.path.join("::")).trim().to_owned())
            .collect()
    }

    #[test]
    fn every_way_to_name_a_thing_is_read() {
        let rows: &[(&str, &[&str])] = &[
            ("use a::b;", &["a::b"]),
            ("use a::{self, b, c::{d as e, f::*}};", &["a::b", "a::c::d", "a::c::f::*"]),
            ("fn f() { crate::x::y(1) }", &["crate::x::y"]),
            ("fn f() { assert!(crate::x::y() == 2) }", &["assert::!", "crate::x::y"]),
            ("fn f() -> Vec<super::T> { Vec::<super::U>::new() }", &["super::T", "super::U"]),
            ("fn f() { if a != b {} }", &[]),
            ("mod m { use super::x; mod n { fn f() { super::y() } } }", &["m super::x", "m::n super::y"]),
            ("/// `crate::x` in prose, and in a string: \nconst A: &str = \"crate::x\";", &[]),
        ];
        for (text, expected) in rows {
            assert_eq!(&seen(text), expected, "{text}");
        }
    }

    #[test]
    fn a_mention_knows_its_alias_and_its_line() {
        let found = mentions("\nuse a::b as c;");
        let found = found.iter().find(|mention| mention.path.len() == 2).expect("the path is there");
        assert_eq!((found.name.as_str(), found.line), ("c", 2));
    }
}
