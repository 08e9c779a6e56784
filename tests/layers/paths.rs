//! Finds the paths in a Rust source, without a compiler: enough of the grammar to see `a::b::{c, d}`
//! anywhere, and to know which module `super` is. Macros are read as if they were plain code.

/// One source file: its tokens, and the module it is.
pub struct Source {
    /// From the root: `["tcp", "tcb"]` for src/tcp/tcb.rs.
    module: Vec<String>,
    tokens: Vec<Token>,
}

/// A path as it is used, with `super` and `self` resolved to `crate`.
#[derive(Debug)]
pub struct Used {
    pub line: usize,
    pub segments: Vec<String>,
}

impl Used {
    pub fn starts_with(&self, prefix: &[&str]) -> bool {
        self.segments.len() >= prefix.len()
            && prefix.iter().zip(&self.segments).all(|(a, b)| a == b)
    }
}

#[derive(Debug)]
struct Token {
    line: usize,
    text: String,
}

impl Source {
    /// `path` is relative to src. `None` for the root of the library.
    pub fn parse(path: &str, text: &str) -> Option<Source> {
        let stem = path.strip_suffix(".rs").expect("a source of Rust");
        let mut module: Vec<String> = stem.split('/').map(str::to_owned).collect();
        if module.last().is_some_and(|name| name == "mod") {
            module.pop();
        }
        (module != ["lib"]).then(|| Source { module, tokens: tokens(text) })
    }

    pub fn top_module(&self) -> &str {
        &self.module[0]
    }

    /// The lines on which one of these words stands as code.
    pub fn lines_with(&self, words: &[&str]) -> Vec<usize> {
        let hits = self.tokens.iter().filter(|token| words.contains(&token.text.as_str()));
        hits.map(|token| token.line).collect()
    }

    /// Every path, groups taken apart.
    pub fn paths(&self) -> Vec<Used> {
        let mut found = Vec::new();
        let mut module = self.module.clone();
        // The depth of braces outside of each inline module that we are in.
        let (mut depth, mut inline) = (0_usize, Vec::new());
        let mut at = 0;
        while let Some(text) = self.text(at) {
            match text {
                "{" => depth += 1,
                "}" => {
                    depth = depth.saturating_sub(1);
                    if inline.last() == Some(&depth) {
                        inline.pop();
                        module.pop();
                    }
                }
                "mod" if self.text(at + 2) == Some("{") => {
                    module.push(self.tokens[at + 1].text.clone());
                    inline.push(depth);
                    at += 1; // past the name; the brace comes next
                }
                "use" => {
                    self.tree(at + 1, &[], &module, &mut found);
                    while self.text(at).is_some_and(|text| text != ";") {
                        at += 1;
                    }
                }
                _ if self.starts_a_path(at) => at = self.tree(at, &[], &module, &mut found) - 1,
                _ => {}
            }
            at += 1;
        }
        found
    }

    fn text(&self, at: usize) -> Option<&str> {
        self.tokens.get(at).map(|token| token.text.as_str())
    }

    /// A word with `::` behind it and none before it.
    fn starts_a_path(&self, at: usize) -> bool {
        let follows = at > 0 && self.text(at - 1) == Some("::");
        is_word(&self.tokens[at].text) && self.text(at + 1) == Some("::") && !follows
    }

    /// Reads a path, or a tree of them, at `at` behind the segments `before`. Returns where it ends.
    fn tree(
        &self,
        mut at: usize,
        before: &[String],
        module: &[String],
        found: &mut Vec<Used>,
    ) -> usize {
        let mut segments = before.to_vec();
        let line = self.tokens.get(at).map_or(0, |token| token.line);
        loop {
            match self.text(at) {
                Some("::") => at += 1,
                Some("{") => {
                    at += 1;
                    while !matches!(self.text(at), Some("}") | None) {
                        let next = self.tree(at, &segments, module, found).max(at + 1);
                        at = if self.text(next) == Some(",") { next + 1 } else { next };
                    }
                    return at + 1;
                }
                Some(word) if is_word(word) => {
                    segments.push(word.to_owned());
                    at += 1;
                    if self.text(at) != Some("::") {
                        break;
                    }
                    // `Vec::<T>::new`: what follows is a path of its own.
                    if !self.text(at + 1).is_some_and(|next| is_word(next) || next == "{") {
                        break;
                    }
                }
                _ => break,
            }
        }
        if self.text(at) == Some("as") {
            at += 2;
        }
        if !segments.is_empty() {
            found.push(Used { line, segments: absolute(segments, module) });
        }
        at
    }
}

/// With `self` and `super` replaced by where they lead from the root.
fn absolute(segments: Vec<String>, module: &[String]) -> Vec<String> {
    let mut here = module.to_vec();
    let mut rest = segments.into_iter().peekable();
    let mut is_relative = false;
    while let Some(word) = rest.peek() {
        match word.as_str() {
            "super" => drop(here.pop()),
            "self" => {}
            _ => break,
        }
        is_relative = true;
        rest.next();
    }
    if is_relative {
        ["crate".to_owned()].into_iter().chain(here).chain(rest).collect()
    } else {
        rest.collect()
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Words, `::`, and single other characters; no comments, no literals.
fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < chars.len() {
        let end = end_of_token(&chars, at);
        let text: String = chars[at..end].iter().collect();
        let is_code = !is_comment_or_literal(&chars, at) && !text.trim().is_empty();
        let lines = text.matches('\n').count();
        if is_code {
            tokens.push(Token { line, text });
        }
        line += lines;
        at = end;
    }
    tokens
}

fn is_comment_or_literal(chars: &[char], at: usize) -> bool {
    let starts = |prefix: &str| starts_with(chars, at, prefix);
    starts("//") || starts("/*") || starts("\"") || starts("'") || raw_string(chars, at).is_some()
}

fn starts_with(chars: &[char], at: usize, prefix: &str) -> bool {
    prefix.chars().enumerate().all(|(offset, c)| chars.get(at + offset) == Some(&c))
}

/// The number of `#` and where the text begins, if a raw string begins here.
fn raw_string(chars: &[char], at: usize) -> Option<(usize, usize)> {
    let follows_a_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| starts_with(chars, at, prefix))?;
    let hashes = chars[at + prefix.len()..].iter().take_while(|c| **c == '#').count();
    let quote = at + prefix.len() + hashes;
    (!follows_a_word && chars.get(quote) == Some(&'"')).then_some((hashes, quote + 1))
}

fn end_of_token(chars: &[char], at: usize) -> usize {
    let find = |from: usize, wanted: &dyn Fn(usize) -> bool| {
        (from..chars.len()).find(|at| wanted(*at)).unwrap_or(chars.len())
    };
    if starts_with(chars, at, "//") {
        return find(at, &|at| chars[at] == '\n');
    }
    if starts_with(chars, at, "/*") {
        let (mut depth, mut at) = (1, at + 2);
        while depth > 0 && at < chars.len() {
            let step = if starts_with(chars, at, "/*") {
                depth += 1;
                2
            } else if starts_with(chars, at, "*/") {
                depth -= 1;
                2
            } else {
                1
            };
            at += step;
        }
        return at;
    }
    if let Some((hashes, text)) = raw_string(chars, at) {
        let close: String = ['"'].into_iter().chain(std::iter::repeat_n('#', hashes)).collect();
        return find(text, &|at| starts_with(chars, at, &close)) + close.len();
    }
    match chars[at] {
        '"' => end_of_quoted(chars, at, '"'),
        '\'' => {
            // `'a'` and `'\n'` are characters, `'a` a lifetime.
            let is_char = chars.get(at + 1) == Some(&'\\') || chars.get(at + 2) == Some(&'\'');
            if is_char { end_of_quoted(chars, at, '\'') } else { at + 1 }
        }
        ':' if chars.get(at + 1) == Some(&':') => at + 2,
        c if c.is_alphanumeric() || c == '_' => {
            find(at, &|at| !(chars[at].is_alphanumeric() || chars[at] == '_'))
        }
        _ => at + 1,
    }
}

fn end_of_quoted(chars: &[char], at: usize, quote: char) -> usize {
    let mut at = at + 1;
    while at < chars.len() && chars[at] != quote {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}
