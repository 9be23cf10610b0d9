//! Joins the shards of a table into the table an unsharded run writes.
