//! Which routes a setting is for.

/// A route's template, as `/buy/{item}`, or the beginning of some: `/admin/*`. With a method in front, as `POST /buy/{item}`, that method's alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoutePattern {
    method: Option<String>,
    route: String,
    is_prefix: bool,
}

impl RoutePattern {
    /// # Errors
    ///
    /// What is wrong with it, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (method, route) = match text.split_once(' ') {
            Some((method, route)) => (Some(method.to_owned()), route.trim()),
            None => (None, text),
        };
        if !route.starts_with('/') && route != "*" {
            return Err(format!("`{text}` does not begin with `/`"));
        }
        let (route, is_prefix) = match route.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (route, false),
        };
        Ok(Self {
            method,
            route: route.to_owned(),
            is_prefix,
        })
    }

    /// Whether it is for this route; a request that has none is known by its path.
    pub(crate) fn matches(&self, method: &str, route: &str) -> bool {
        let method_fits = self
            .method
            .as_ref()
            .is_none_or(|known| known.eq_ignore_ascii_case(method));
        method_fits
            && match self.is_prefix {
                // `/admin/*` is for `/admin`, too.
                true => {
                    route.starts_with(&self.route) || self.route.strip_suffix('/') == Some(route)
                }
                false => self.route == route,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_for_a_template_or_for_all_below_a_path() {
        for (pattern, method, route, expected) in [
            ("/buy/{item}", "GET", "/buy/{item}", true),
            ("/buy/{item}", "GET", "/buy/{items}", false),
            ("POST /buy/{item}", "POST", "/buy/{item}", true),
            ("post /buy/{item}", "POST", "/buy/{item}", true),
            ("POST /buy/{item}", "GET", "/buy/{item}", false),
            ("/admin/*", "GET", "/admin", true),
            ("/admin/*", "GET", "/admin/users/{id}", true),
            ("/admin/*", "GET", "/administration", false),
            ("GET *", "GET", "/anything", true),
            ("*", "GET", "/", true),
        ] {
            let parsed = RoutePattern::parse(pattern).unwrap();
            assert_eq!(
                parsed.matches(method, route),
                expected,
                "{pattern} {method} {route}"
            );
        }
        assert!(RoutePattern::parse("buy").is_err());
        assert!(RoutePattern::parse("").is_err());
    }
}
