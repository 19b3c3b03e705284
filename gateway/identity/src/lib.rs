//! Who is calling, and how we know.
