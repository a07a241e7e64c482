"""The file that `tinderbox agent new` writes: an agent that works as it is, and says what else can be set."""

TEMPLATE = '''\
# The agent "NAME". What is not known here is refused, with its line: see docs/agents.md.

# A model of the store (tinderbox ls).
model = "qwen2.5-coder:1.5b"

instructions = """
You solve tasks with the tools that you have. Take one step at a time, look at what came of it,
and end with a short answer.
"""

# What asks a person before it acts. Without this line: whatever changes a folder or a database, and http_post.
# approval = ["shell", "files_write"]

# Folders that the tools may use, by a name of yours. Each may be read; one with write = true may be changed too.
# A scratch folder of its own every run has anyway.
[folders]
# notes = "~/notes"
# drafts = { path = "~/drafts", write = true }

# Reads, writes and searches files in those folders, or in some: folders = ["notes"].
[tools.files]

# Runs Python in the sandbox: no network, nothing of this machine but those folders.
[tools.python]

# The same for shell commands.
# [tools.shell]

# Asks a SQLite file. Any tool may have another name, if it says its kind.
# [tools.shop]
# kind = "sql"
# file = "~/data/shop.db"
# write = false

# Finds passages in the documents of those folders.
# [tools.search]

# Asks these hosts and no other; private = true if they are machines of your own.
# [tools.http]
# hosts = ["api.example.org"]

# The tools of an MCP server: a command, or a url.
# [tools.tickets]
# kind = "mcp"
# command = ["npx", "-y", "some-mcp-server"]

# Another agent.
# [tools.reviewer]
# kind = "agent"
# agent = "reviewer"

# What one run may take.
[limits]
steps = 20
tokens = 50000
seconds = 600
memory = "512MiB"       # of the code that it runs
sandbox_seconds = 60    # of all the code that it runs
'''
