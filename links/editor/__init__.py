"""The editor of a link: its fields, its rules and variants as rows, and a trial of what they do."""
