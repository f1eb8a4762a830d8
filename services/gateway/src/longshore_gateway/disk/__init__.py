"""Room on disks: Kafka's, as its brokers report it, and those of directories that this process sees."""
