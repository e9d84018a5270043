//! The only writer of the log: drains, admits, orders, appends, publishes.
