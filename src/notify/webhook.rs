//! JSON by POST.
