//! The pictures of the articles. Next to their names they are decoration, and hidden from screen readers.

macro_rules! picture {
    ($content:literal) => {
        concat!(
            r#"<svg viewBox="0 0 120 90" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" stroke-linejoin="round">"#,
            $content,
            "</svg>"
        )
    };
}

pub(crate) const TEAPOT: &str = picture!(
    r#"<path class="fill" d="M38 40c-6 8-8 30 4 36h32c12-6 10-28 4-36z"/><path d="M36 62c-14 0-12-18-24-22M80 46c18-4 18 22 2 22M40 40c2-10 34-10 36 0zM58 27v5"/>"#
);
pub(crate) const MUGS: &str = picture!(
    r#"<path class="fill" d="M20 38h30v34a6 6 0 0 1-6 6H26a6 6 0 0 1-6-6z"/><path d="M50 46h6c8 0 8 18 0 18h-6M28 28c-4-6 4-6 0-12M40 28c-4-6 4-6 0-12"/><path class="fill" d="M68 50h28v22a6 6 0 0 1-6 6H74a6 6 0 0 1-6-6z"/><path d="M96 55h4c7 0 7 14 0 14h-4M82 42c-4-5 4-5 0-10"/>"#
);
pub(crate) const LAMP: &str = picture!(
    r#"<path class="fill" d="M46 14h28l14 30H32z"/><path d="M60 44v34M42 78h36M76 44v12"/>"#
);
pub(crate) const NOTEBOOK: &str = picture!(
    r#"<rect class="fill" x="36" y="12" width="50" height="66" rx="4"/><path d="M48 12v66M30 24h10M30 38h10M30 52h10M30 66h10M58 30h18M58 42h18M58 54h10"/>"#
);
pub(crate) const PLANT: &str = picture!(
    r#"<path class="fill" d="M42 56h36l-4 22H46z"/><path d="M60 56V30M60 44c-18 0-22-10-22-20 14 0 22 8 22 20zM60 36c0-14 8-22 22-22 0 14-8 22-22 22z"/>"#
);
pub(crate) const GIFT_CARD: &str = picture!(
    r#"<rect class="fill" x="20" y="24" width="80" height="50" rx="6"/><path d="M20 42h80M44 24v50M44 42c-14-4-10-18-2-14 4 2 2 14 2 14zM44 42c14-4 10-18 2-14-4 2-2 14-2 14z"/>"#
);
