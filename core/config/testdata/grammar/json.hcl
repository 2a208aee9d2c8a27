{"client": {"acme": {"secret": "hunter2-in-the-clear"}}}
